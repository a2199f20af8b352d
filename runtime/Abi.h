/* The C interface of compiled code. Plain C: the generated headers contain this text. */
#ifndef FOVEA_RUNTIME_ABI_H
#define FOVEA_RUNTIME_ABI_H

#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
#define FOVEA_INLINE inline
extern "C" {
#else
#define FOVEA_INLINE static inline
#endif

/* A tensor: first element, sizes and strides (in elements) of each dim, outermost first. */
typedef struct fovea_tensor {
  void *data;
  const int64_t *sizes;
  const int64_t *strides;
} fovea_tensor;

/* Runs the tasks begin..end-1 as the given worker. */
typedef void (*fovea_task)(void *closure, int64_t begin, int64_t end, int64_t worker);

/* What compiled code needs from its caller. */
typedef struct fovea_context {
  const void *const *weights; /* one pointer a weight slot, to what its fovea_weight says */
  void *workspace;            /* at least NAME_workspace_size bytes, 64-byte aligned */
  int64_t workers;            /* at least 1; worker numbers are below it */
  /* Runs task on disjoint ranges that cover 0..count-1, returns when all are done. Two calls
     of task that run at the same time have different workers. Null: one thread. */
  void (*parallel_for)(void *pool, int64_t count, fovea_task task, void *closure);
  void *pool; /* first argument of parallel_for */
} fovea_context;

/* Exact arithmetic on sizes; *lost becomes 1 where the result has no int64_t. */
FOVEA_INLINE int64_t fovea_size_sum(int64_t a, int64_t b, int *lost) {
  if (b > 0 ? a > INT64_MAX - b : a < INT64_MIN - b) {
    *lost = 1;
    return 0;
  }
  return a + b;
}
FOVEA_INLINE int64_t fovea_size_product(int64_t a, int64_t b, int *lost) {
  uint64_t left = a < 0 ? 0 - (uint64_t)a : (uint64_t)a;
  uint64_t right = b < 0 ? 0 - (uint64_t)b : (uint64_t)b;
  if (right != 0 && left > (uint64_t)INT64_MAX / right) {
    *lost = 1;
    return 0;
  }
  return a * b;
}
/* Rounds towards minus infinity. */
FOVEA_INLINE int64_t fovea_size_quotient(int64_t a, int64_t b, int *lost) {
  if (b == 0 || (a == INT64_MIN && b == -1)) {
    *lost = 1;
    return 0;
  }
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

/* What a weight slot points to. */
enum {
  FOVEA_AS_STORED, /* the tensor of the weight files, row-major */
  FOVEA_PANELS,    /* a packed copy of it: see fovea_pack_panels */
  FOVEA_Q8_PANELS, /* a packed copy in 8 bits an element, see fovea_quantize_group */
  FOVEA_Q4_PANELS  /* in 4 bits */
};

/* What a tensor that is quantised holds. */
enum { FOVEA_F32, FOVEA_F16, FOVEA_BF16 };

enum { FOVEA_GROUP = 32 }; /* elements along depth that share a scale */

/* A weight slot, as a matrix if it is packed. */
typedef struct fovea_weight {
  const char *name; /* of the tensor in the weight files */
  int32_t format;
  int32_t element_size;             /* bytes */
  int64_t rows, depth;              /* of the matrix, 0 unless packed, as all that follows */
  int64_t row_stride, depth_stride; /* of the tensor, in elements */
  int64_t panel;                    /* rows of a panel */
  int64_t streams;                  /* that panels lie in, in turn */
  int32_t element;                  /* FOVEA_F32, ...; 0 unless quantised */
  int64_t begin; /* bytes of the tensor before what the slot holds: parts of a stack have slots */
} fovea_weight;

FOVEA_INLINE int64_t fovea_panel_count(const fovea_weight *weight) {
  int64_t rows = weight->panel * weight->streams;
  return (weight->rows + rows - 1) / rows * weight->streams;
}

/* The place of a panel among all: those of a stream follow each other. */
FOVEA_INLINE int64_t fovea_panel_place(const fovea_weight *weight, int64_t panel) {
  int64_t of_stream = fovea_panel_count(weight) / weight->streams;
  return panel % weight->streams * of_stream + panel / weight->streams;
}

/* Bytes of a group of a panel, quantised: its elements, then a scale a row. */
FOVEA_INLINE int64_t fovea_group_size(const fovea_weight *weight) {
  return (weight->format == FOVEA_Q8_PANELS ? 34 : 18) * weight->panel;
}

/* Bytes of the packed copy. */
FOVEA_INLINE int64_t fovea_packed_size(const fovea_weight *weight) {
  if (weight->format >= FOVEA_Q8_PANELS)
    return fovea_panel_count(weight) * ((weight->depth + FOVEA_GROUP - 1) / FOVEA_GROUP) *
           fovea_group_size(weight);
  return fovea_panel_count(weight) * weight->panel * weight->depth * weight->element_size;
}

/* fovea_pack_panels for one size of elements, which the compiler then knows. */
FOVEA_INLINE void fovea_pack_elements(const fovea_weight *weight, const void *tensor, void *packed,
                                      int64_t begin, int64_t end, int64_t size) {
  enum {
    block = 16
  }; /* columns: of floats a cache line, which all rows of a panel share in turn */
  for (int64_t panel = begin; panel < end; ++panel) {
    int64_t first = panel * weight->panel, place = fovea_panel_place(weight, panel);
    char *to = (char *)packed + place * weight->depth * weight->panel * size;
    for (int64_t k0 = 0; k0 < weight->depth; k0 += block)
      for (int64_t k = k0; k < weight->depth && k < k0 + block; ++k)
        for (int64_t row = first; row < first + weight->panel; ++row, to += size) {
          const char *from =
              (const char *)tensor + (row * weight->row_stride + k * weight->depth_stride) * size;
          if (row < weight->rows)
            memcpy(to, from, (size_t)size);
          else
            memset(to, 0, (size_t)size);
        }
  }
}

/* The float with these bits, and the other way round. */
FOVEA_INLINE float fovea_float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}
FOVEA_INLINE uint32_t fovea_bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits;
}

/* An element of a tensor of FOVEA_F32, FOVEA_F16 or FOVEA_BF16. */
FOVEA_INLINE float fovea_load_element(const char *at, int32_t element) {
  float value;
  uint16_t bits;
  if (element == FOVEA_F32) {
    memcpy(&value, at, sizeof(value));
    return value;
  }
  memcpy(&bits, at, sizeof(bits));
  if (element == FOVEA_BF16)
    return fovea_float_of((uint32_t)bits << 16);
  /* Exponent and mantissa 13 places up, then 2^112 times that: 127 - 15 more in the exponent.
     Infinities and NaN have the largest exponent in both. */
  value = fovea_float_of((uint32_t)(bits & 0x7FFF) << 13) * 0x1p112F;
  return fovea_float_of(fovea_bits_of(value) | ((bits & 0x7C00) == 0x7C00 ? 0x7F800000U : 0U) |
                        (uint32_t)(bits & 0x8000) << 16);
}

/* The bf16 of the scale of a group, the largest magnitude of which has the given element. q8: at
   least that magnitude / 127, so that all elements are at most 127 scales; q4: nearest to the
   element / -8, so that this one, positive or not, is the one that has eight scales. NaN if it is
   no number. */
FOVEA_INLINE uint16_t fovea_group_scale(float largest, int32_t format) {
  uint32_t bits = fovea_bits_of(largest);
  if ((bits & 0x7F800000U) == 0x7F800000U)
    return 0x7FC0;
  if (format == FOVEA_Q8_PANELS)
    return (uint16_t)((fovea_bits_of(fovea_float_of(bits & 0x7FFFFFFFU) / 127) + 0xFFFF) >> 16);
  bits = fovea_bits_of(largest / -8);
  return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

/* Quantises 32 elements: writes the bf16 of their scale, and the nearest multiples of it, halves
   away from zero, from -127 to 127 (q8) or from -8 to 7 (q4). */
FOVEA_INLINE void fovea_quantize_group(const float *elements, int32_t format, uint16_t *scale,
                                       int8_t *multiples) {
  float largest = 0, size;
  uint32_t magnitude = 0;
  for (int i = 0; i < FOVEA_GROUP; ++i) {
    /* Ordered as magnitudes are, NaN last. */
    uint32_t bits = fovea_bits_of(elements[i]) & 0x7FFFFFFFU;
    if (bits > magnitude) {
      magnitude = bits;
      largest = elements[i];
    }
  }
  *scale = fovea_group_scale(largest, format);
  size = fovea_float_of((uint32_t)*scale << 16);
  if (size == 0 || size != size) {
    memset(multiples, 0, FOVEA_GROUP);
    return;
  }
  for (int i = 0; i < FOVEA_GROUP; ++i) {
    double ratio = (double)elements[i] / (double)size;
    int multiple = (int)(ratio < 0 ? ratio - 0.5 : ratio + 0.5);
    if (format == FOVEA_Q4_PANELS)
      multiple = multiple > 7 ? 7 : multiple < -8 ? -8 : multiple;
    multiples[i] = (int8_t)multiple;
  }
}

/* Puts a group of one row where it belongs in the group of its panel. */
FOVEA_INLINE void fovea_place_group(const int8_t *multiples, int32_t format, int64_t panel,
                                    int64_t row, char *group) {
  if (format == FOVEA_Q8_PANELS) {
    for (int i = 0; i < FOVEA_GROUP; i += 2)
      memcpy(group + i * panel + 2 * row, multiples + i, 2);
    return;
  }
  for (int i = 0; i < FOVEA_GROUP / 2; ++i)
    group[(i / 2) * 2 * panel + 2 * row + i % 2] =
        (char)((multiples[i] + 8) | (multiples[i + FOVEA_GROUP / 2] + 8) << 4);
}

/* fovea_pack_panels for FOVEA_Q8_PANELS and FOVEA_Q4_PANELS. */
FOVEA_INLINE void fovea_pack_quantized(const fovea_weight *weight, const void *tensor, void *packed,
                                       int64_t begin, int64_t end) {
  int64_t panel = weight->panel, size = fovea_group_size(weight);
  int64_t groups = (weight->depth + FOVEA_GROUP - 1) / FOVEA_GROUP;
  for (int64_t number = begin; number < end; ++number) {
    int64_t first = number * panel;
    char *to = (char *)packed + fovea_panel_place(weight, number) * groups * size;
    for (int64_t k0 = 0; k0 < weight->depth; k0 += FOVEA_GROUP, to += size)
      for (int64_t row = 0; row < panel; ++row) {
        float elements[FOVEA_GROUP] = {0};
        int8_t multiples[FOVEA_GROUP];
        uint16_t scale;
        int64_t count = weight->depth - k0 < FOVEA_GROUP ? weight->depth - k0 : FOVEA_GROUP;
        const char *from =
            (const char *)tensor +
            ((first + row) * weight->row_stride + k0 * weight->depth_stride) * weight->element_size;
        for (int64_t k = 0; k < count && first + row < weight->rows; ++k)
          elements[k] = fovea_load_element(from + k * weight->depth_stride * weight->element_size,
                                           weight->element);
        fovea_quantize_group(elements, weight->format, &scale, multiples);
        fovea_place_group(multiples, weight->format, panel, row, to);
        memcpy(to + size - 2 * (panel - row), &scale, 2);
      }
  }
}

/* Packs panels begin..end-1 of those that fovea_panel_count counts; disjoint ranges may be packed
   at once. Element (row, column) of the matrix goes to [p % streams][p / streams][column][row %
   panel] of [streams][panels / streams][depth][panel], where p is row / panel; rows past the end
   become zeros. Quantised, 32 columns of a row become a group of fovea_quantize_group, columns past
   the end zeros too; a group with an element that is not finite gets a scale of NaN. */
FOVEA_INLINE void fovea_pack_panels(const fovea_weight *weight, const void *tensor, void *packed,
                                    int64_t begin, int64_t end) {
  tensor = (const char *)tensor + weight->begin;
  if (weight->format >= FOVEA_Q8_PANELS) {
    fovea_pack_quantized(weight, tensor, packed, begin, end);
    return;
  }
  switch (weight->element_size) {
  case 2:
    fovea_pack_elements(weight, tensor, packed, begin, end, 2);
    break;
  case 4:
    fovea_pack_elements(weight, tensor, packed, begin, end, 4);
    break;
  default:
    fovea_pack_elements(weight, tensor, packed, begin, end, weight->element_size);
  }
}

#ifdef __cplusplus
}
#endif

#endif /* FOVEA_RUNTIME_ABI_H */
