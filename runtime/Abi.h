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

/* What a weight slot points to. */
enum {
  FOVEA_AS_STORED, /* the tensor of the weight files, row-major */
  FOVEA_PANELS     /* a packed copy of it: see fovea_pack_panels */
};

/* A weight slot, as a matrix if it is packed. */
typedef struct fovea_weight {
  const char *name; /* of the tensor in the weight files */
  int32_t format;
  int32_t element_size;             /* bytes */
  int64_t rows, depth;              /* of the matrix, 0 unless packed, as all that follows */
  int64_t row_stride, depth_stride; /* of the tensor, in elements */
  int64_t panel;                    /* rows of a panel */
} fovea_weight;

FOVEA_INLINE int64_t fovea_panel_count(const fovea_weight *weight) {
  return (weight->rows + weight->panel - 1) / weight->panel;
}

/* Bytes of the packed copy. */
FOVEA_INLINE int64_t fovea_packed_size(const fovea_weight *weight) {
  return fovea_panel_count(weight) * weight->panel * weight->depth * weight->element_size;
}

/* fovea_pack_panels for one size of elements, which the compiler then knows. */
FOVEA_INLINE void fovea_pack_elements(const fovea_weight *weight, const void *tensor, void *packed,
                                       int64_t begin, int64_t end, int64_t size) {
  enum {
    block = 16
  }; /* columns: of floats a cache line, which all rows of a panel share in turn */
  char *to = (char *)packed + begin * weight->depth * weight->panel * size;
  for (int64_t first = begin * weight->panel; first < end * weight->panel; first += weight->panel)
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

/* Packs panels begin..end-1 of those that fovea_panel_count counts; disjoint ranges may be packed
   at once. Element (row, column) of the matrix goes to [row / panel][column][row % panel] of
   [panels][depth][panel]; rows past the end become zeros. */
FOVEA_INLINE void fovea_pack_panels(const fovea_weight *weight, const void *tensor, void *packed,
                                     int64_t begin, int64_t end) {
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
