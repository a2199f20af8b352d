/* What the generated header says of the sizes of inputs. */
#include "slices.h"
#include <stdio.h>

static void try(int64_t batch, int64_t length, int64_t width, int64_t other) {
  const int64_t x[] = {batch, length, width}, y[] = {other};
  fovea_tensor inputs[slices_INPUTS];
  inputs[slices_INPUT_x] = (fovea_tensor){0, x, 0};
  inputs[slices_INPUT_y] = (fovea_tensor){0, y, 0};
  const char *wrong = slices_check_inputs(inputs);
  printf("%s\n", wrong ? wrong : "fits");
}

int main(void) {
  try(1, 2, 3, 2);
  try(2, 7, 3, 7);
  try(1, 2, 4, 2);
  try(1, 7, 3, 6);
  try(-1, 7, 3, 7);
  try(1, 1, 3, 1);
  try(3, 6, 3, 6);
  try(INT64_MAX / 2, 7, 3, 7);
  return 0;
}
