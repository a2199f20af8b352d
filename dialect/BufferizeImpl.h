// How attn ops on tensors become attn ops on buffers.
#ifndef FOVEA_DIALECT_BUFFERIZEIMPL_H
#define FOVEA_DIALECT_BUFFERIZEIMPL_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace fovea::attn {

/// Attaches BufferizableOpInterface to the ops of the dialect, for one-shot bufferization.
void registerAttnExternalModels(mlir::DialectRegistry &registry);

} // namespace fovea::attn

#endif // FOVEA_DIALECT_BUFFERIZEIMPL_H
