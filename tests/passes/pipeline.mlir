// The pipeline is registered and keeps a module without graph functions as it is.
// RUN: fovea-opt %s --fovea-pipeline="compile-to=fused" | FileCheck %s
// CHECK: module
module {}
