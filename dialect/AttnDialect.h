// The attn dialect class. Ops are declared in AttnOps.h.
#ifndef FOVEA_DIALECT_ATTNDIALECT_H
#define FOVEA_DIALECT_ATTNDIALECT_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Dialect.h"

#include "dialect/AttnDialect.h.inc"
#include "dialect/AttnEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialect/AttnAttrs.h.inc"

#endif // FOVEA_DIALECT_ATTNDIALECT_H
