// Kinds that attn ops choose between.
#ifndef FOVEA_DIALECT_ATTN_ENUMS_TD
#define FOVEA_DIALECT_ATTN_ENUMS_TD

include "AttnDialect.td"
include "mlir/IR/EnumAttr.td"

def Attn_Alignment : I32EnumAttr<"Alignment",
    "where the first query sits among the key positions", [
      // The last query sits at the last key: query row r is position r + Lk - Lq.
      I32EnumAttrCase<"BottomRight", 0, "bottom_right">,
      // The first query sits at the first key: query row r is position r.
      I32EnumAttrCase<"TopLeft", 1, "top_left">
    ]> {
  let cppNamespace = "::fovea::attn";
  let genSpecializedAttr = 0;
}
def Attn_AlignmentAttr : EnumAttr<Attn_Dialect, Attn_Alignment, "alignment">;

def Attn_RotaryPairing : I32EnumAttr<"RotaryPairing",
    "which elements of a head are rotated together", [
      // (x[d], x[d + R/2]): Hugging Face checkpoints.
      I32EnumAttrCase<"HalfSplit", 0, "half_split">,
      // (x[2d], x[2d + 1]): the original formulation.
      I32EnumAttrCase<"Interleaved", 1, "interleaved">
    ]> {
  let cppNamespace = "::fovea::attn";
  let genSpecializedAttr = 0;
}
def Attn_RotaryPairingAttr : EnumAttr<Attn_Dialect, Attn_RotaryPairing, "rotary_pairing">;

def Attn_WeightFormat : I32EnumAttr<"WeightFormat", "how weights are held in few bits", [
      // An int8 an element, a scale for each group.
      I32EnumAttrCase<"Q8", 0, "q8">,
      // Four bits an element, a scale for each group.
      I32EnumAttrCase<"Q4", 1, "q4">
    ]> {
  let cppNamespace = "::fovea::attn";
  let genSpecializedAttr = 0;
}
def Attn_WeightFormatAttr : EnumAttr<Attn_Dialect, Attn_WeightFormat, "weight_format">;

#endif
