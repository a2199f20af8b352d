# One helper per kind of target. Every target sees the repository root and the
# build root as include directories, so includes read "dialect/AttnOps.h".

find_package(Threads REQUIRED)

# Flags shared by every target; an interface target rather than directory
# properties, so that what a target is built with can be read off the target.
add_library(fovea_flags INTERFACE)
target_compile_features(fovea_flags INTERFACE cxx_std_20) # for programs of other projects
target_include_directories(fovea_flags INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
target_include_directories(fovea_flags SYSTEM INTERFACE ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
target_compile_options(fovea_flags INTERFACE
  -Wall -Wextra -Wno-unused-parameter -fno-semantic-interposition
  $<$<BOOL:${FOVEA_WERROR}>:-Werror>)
separate_arguments(FOVEA_LLVM_DEFINITIONS NATIVE_COMMAND "${LLVM_DEFINITIONS}")
target_compile_definitions(fovea_flags INTERFACE ${FOVEA_LLVM_DEFINITIONS})
if(FOVEA_SANITIZE)
  set(FOVEA_SANITIZE_FLAG -fsanitize=${FOVEA_SANITIZE})
  target_compile_options(fovea_flags INTERFACE ${FOVEA_SANITIZE_FLAG} -fno-omit-frame-pointer)
  target_link_options(fovea_flags INTERFACE ${FOVEA_SANITIZE_FLAG})
  if(FOVEA_SANITIZE MATCHES "undefined")
    # vptr: LLVM has no RTTI. function: the check reads the words before the function that is
    # called, and generated code may start a page.
    target_compile_options(fovea_flags INTERFACE
      -fno-sanitize=vptr,function -fno-sanitize-recover=undefined)
  endif()
endif()

# MLIR's headers cost over ten seconds a file to parse; one precompiled header
# shared by all targets that include them brings a file to about one second.
file(WRITE ${PROJECT_BINARY_DIR}/cmake/MlirHeaders.cpp "")
add_library(fovea_mlir_headers OBJECT ${PROJECT_BINARY_DIR}/cmake/MlirHeaders.cpp)
target_link_libraries(fovea_mlir_headers PUBLIC fovea_flags)
target_precompile_headers(fovea_mlir_headers PRIVATE ${PROJECT_SOURCE_DIR}/cmake/MlirHeaders.h)

# fovea_add_library(NAME SOURCES... [NO_MLIR] [DEPENDS tablegen targets...] [LINK libraries...])
function(fovea_add_library name)
  cmake_parse_arguments(ARG "NO_MLIR" "" "DEPENDS;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC fovea_flags ${ARG_LINK})
  if(NOT ARG_NO_MLIR)
    target_link_libraries(${name} PUBLIC fovea_llvm)
    target_precompile_headers(${name} REUSE_FROM fovea_mlir_headers)
  endif()
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
endfunction()

# fovea_set_sanitizer_options(NAME): a program starts with the options its sanitizers need.
function(fovea_set_sanitizer_options name)
  if(FOVEA_SANITIZE)
    target_sources(${name} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/SanitizerOptions.cpp)
  endif()
endfunction()

# Programs reuse the precompiled header only if they are built with -fPIC as it is, not with
# the -fPIE that CMake would give them.
function(fovea_reuse_headers name)
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${name} PRIVATE -fPIC)
  target_precompile_headers(${name} REUSE_FROM fovea_mlir_headers)
endfunction()

# Of a tool that holds LLVM, all addresses are known when it is linked: its tables, 2 MiB of them,
# are pages of its file that no relocation writes to, and it starts 17 ms earlier. Only of tools:
# whether its addresses are random is for a program of another project to say.
include(CheckLinkerFlag)
set(FOVEA_TOOL_LINK_OPTIONS "")
if(FOVEA_STATIC_LLVM)
  check_linker_flag(CXX -no-pie FOVEA_HAS_NO_PIE)
  if(FOVEA_HAS_NO_PIE)
    list(APPEND FOVEA_TOOL_LINK_OPTIONS -no-pie)
  endif()
  check_linker_flag(CXX -static-libstdc++ FOVEA_HAS_STATIC_LIBSTDCXX)
  if(FOVEA_HAS_STATIC_LIBSTDCXX)
    list(APPEND FOVEA_TOOL_LINK_OPTIONS -static-libstdc++)
  endif()
endif()

# fovea_add_tool(NAME SOURCES... LINK libraries...): a program in build/bin.
function(fovea_add_tool name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE fovea_flags ${ARG_LINK} fovea_llvm)
  target_link_options(${name} PRIVATE ${FOVEA_TOOL_LINK_OPTIONS})
  fovea_reuse_headers(${name})
  fovea_set_sanitizer_options(${name})
endfunction()

# fovea_add_gtest(NAME SOURCES... LINK libraries...): a GoogleTest binary, one ctest entry a case.
function(fovea_add_gtest name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE fovea_flags ${ARG_LINK} GTest::gtest GTest::gtest_main)
  fovea_reuse_headers(${name})
  fovea_set_sanitizer_options(${name})
  target_compile_definitions(${name} PRIVATE FOVEA_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
                             FOVEA_BINARY_DIR="${PROJECT_BINARY_DIR}")
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60)
endfunction()

# The reference of ops and passes, generated from TableGen: ninja docs writes it to build/docs.
set(MLIR_BINARY_DIR ${PROJECT_BINARY_DIR})
add_custom_target(docs)
add_dependencies(docs mlir-doc)
