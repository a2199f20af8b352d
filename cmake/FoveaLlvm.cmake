# fovea_llvm: the libraries of LLVM and MLIR, as archives or shared.
#
# The shared libraries hold every target and dialect there is: a process that loads them spends
# 50 ms on relocations and 45 MiB before main(), and their calls through tables make compiling a
# tenth slower. Sanitizers keep them: ThreadSanitizer can be told to pass over a library, not over
# code of the same program that it did not instrument.
if(FOVEA_SANITIZE)
  set(FOVEA_STATIC_LLVM_DEFAULT OFF)
else()
  set(FOVEA_STATIC_LLVM_DEFAULT ON)
endif()
option(FOVEA_STATIC_LLVM "Link LLVM and MLIR as archives" ${FOVEA_STATIC_LLVM_DEFAULT})

add_library(fovea_llvm INTERFACE)
if(FOVEA_STATIC_LLVM)
  # By path: the targets that MLIR's packages export for archives name the shared LLVM.
  file(GLOB FOVEA_LLVM_ARCHIVES ${LLVM_LIBRARY_DIR}/libMLIR*.a ${LLVM_LIBRARY_DIR}/libLLVM*.a)
  if(NOT FOVEA_LLVM_ARCHIVES)
    message(FATAL_ERROR "no archives of LLVM in ${LLVM_LIBRARY_DIR}; set FOVEA_STATIC_LLVM=OFF")
  endif()
  list(JOIN FOVEA_LLVM_ARCHIVES "," FOVEA_LLVM_ARCHIVES)
  # LLVMSupport is here for the system libraries that it names.
  target_link_libraries(fovea_llvm INTERFACE "$<LINK_GROUP:RESCAN,${FOVEA_LLVM_ARCHIVES}>" LLVMSupport)
  # Of those, the theorem prover is for parts of LLVM that nothing here uses.
  target_link_options(fovea_llvm INTERFACE LINKER:--gc-sections LINKER:--as-needed)
  # 300,000 relative relocations in 150 KiB of bits; six MiB of pages less.
  include(CheckLinkerFlag)
  check_linker_flag(CXX LINKER:-z,pack-relative-relocs FOVEA_HAS_RELR)
  if(FOVEA_HAS_RELR)
    target_link_options(fovea_llvm INTERFACE LINKER:-z,pack-relative-relocs)
  endif()
  # A process that does nothing takes 16 MiB with it, 44 without.
  set(FOVEA_START_UP ${CMAKE_CURRENT_LIST_DIR}/StartUp.ld)
  check_linker_flag(CXX LINKER:-T,${FOVEA_START_UP} FOVEA_HAS_INSERT)
  if(FOVEA_HAS_INSERT)
    target_link_options(fovea_llvm INTERFACE LINKER:-T,${FOVEA_START_UP})
    set_property(TARGET fovea_llvm PROPERTY INTERFACE_LINK_DEPENDS ${FOVEA_START_UP})
  endif()
else()
  target_link_libraries(fovea_llvm INTERFACE MLIR LLVM)
endif()
