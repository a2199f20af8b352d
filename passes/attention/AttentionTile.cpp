#include "passes/attention/AttentionTile.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>

using namespace fovea;

/// Scores of a panel and so many keys stay in the first-level cache.
static constexpr int64_t keysPerBlock = 128;
/// Of a block a panel sees a window's share, wherever it lies: larger blocks mean that a window
/// lies in fewer. This many elements of keys and values stay in the second-level cache.
static constexpr int64_t windowedBlockElements = 32768, maxWindowedKeysPerBlock = 512;
static constexpr int64_t maxWindowedWidth = 32;
/// Few enough that two threads have work where a prompt is short; merging a segment takes less than
/// a hundredth of its products.
static constexpr int64_t keysPerSegment = 512;
/// Rows that share packed keys, in panels.
static constexpr int64_t maxPanelsPerBlock = 16;

/// The most keys a register tile can hold: per key one accumulator a vector of queries, besides
/// the vectors of queries themselves and the key's broadcast element.
/// AVX2: 4 x 3 + 3 + 1 = 16 registers; AVX-512: 8 x 3 + 3 + 1 = 28 of 32.
static int64_t keysInRegisters(int64_t vectors, int64_t registers) {
  int64_t most = std::max<int64_t>((registers - vectors - 1) / vectors, 1);
  return std::min<int64_t>(llvm::bit_floor(static_cast<uint64_t>(most)), 8);
}

/// Packed queries and outputs of all panels take at most half of the second-level cache;
/// the rest is for keys and values.
static int64_t panelsInCache(const TargetInfo &target, int64_t width, int64_t scoreBits,
                             std::optional<int64_t> headDim, std::optional<int64_t> valueDim) {
  int64_t columns = headDim.value_or(128) + valueDim.value_or(128);
  int64_t panelBytes = std::max<int64_t>(width * columns * scoreBits / 8, 1);
  return std::clamp<int64_t>(target.l2Bytes / 2 / panelBytes, 1, maxPanelsPerBlock);
}

static int64_t chooseKeysPerBlock(std::optional<int64_t> headDim, std::optional<int64_t> valueDim,
                                  bool windowed) {
  if (!windowed)
    return keysPerBlock;
  uint64_t columns = std::max<int64_t>(headDim.value_or(128) + valueDim.value_or(128), 1);
  auto keys = static_cast<int64_t>(llvm::bit_floor(windowedBlockElements / columns));
  return std::clamp(keys, keysPerBlock, maxWindowedKeysPerBlock);
}

int64_t fovea::attentionPanelWidth(const TargetInfo &target, int64_t scoreBits, bool windowed) {
  int64_t lanes = target.lanes(scoreBits), vectors = 3;
  if (windowed && vectors * lanes > maxWindowedWidth)
    vectors = std::max<int64_t>(maxWindowedWidth / lanes, 1);
  return vectors * lanes;
}

AttentionTile fovea::chooseAttentionTile(const TargetInfo &target, int64_t scoreBits,
                                         std::optional<int64_t> rows,
                                         std::optional<int64_t> headDim,
                                         std::optional<int64_t> valueDim, bool windowed) {
  AttentionTile tile;
  tile.lanes = target.lanes(scoreBits);
  tile.vectors = rows && *rows <= tile.lanes
                     ? 1
                     : attentionPanelWidth(target, scoreBits, windowed) / tile.lanes;
  tile.keysPerTile = keysInRegisters(tile.vectors, target.vectorRegisters);
  tile.keysPerBlock = chooseKeysPerBlock(headDim, valueDim, windowed);
  tile.keysPerSegment = windowed ? 0 : keysPerSegment;
  tile.registers = target.vectorRegisters;
  tile.rowBroadcasts = target.rowBroadcasts;
  tile.fusedMultiplyAdd = target.fusedMultiplyAdd;
  tile.multiplyByPower = target.multiplyByPower;
  tile.panelsPerBlock = panelsInCache(target, tile.width(), scoreBits, headDim, valueDim);
  if (rows) {
    int64_t panels = llvm::divideCeil(std::max<int64_t>(*rows, 1), tile.width());
    tile.panelsPerBlock = std::min(tile.panelsPerBlock, panels);
  }
  return tile;
}
