# SPDX-License-Identifier: BSD-3-Clause
# How this tree declares its libraries, programs, tests and fuzz targets. Every
# function takes all sources of the calling directory.

# Asio stands alone; clang needs to be told that it can do coroutines.
add_library(llp_asio INTERFACE)
target_compile_definitions(llp_asio INTERFACE ASIO_STANDALONE ASIO_NO_DEPRECATED)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_definitions(llp_asio INTERFACE ASIO_HAS_CO_AWAIT=1 ASIO_HAS_STD_COROUTINE=1)
endif()
target_link_libraries(llp_asio INTERFACE Threads::Threads)

# Precompiled headers halve the time to build. Sources still include what they
# use: the tree that clang-tidy reads is configured with LLP_PCH=OFF.
set(LLP_PCH_HEADERS <asio.hpp> <fmt/format.h> <algorithm> <chrono> <expected> <functional> <map>
  <memory> <optional> <span> <string> <string_view> <vector>)
function(llp_pch_holder name)
  cmake_parse_arguments(arg "" "" "HEADERS;LIBS" ${ARGN})
  file(WRITE ${CMAKE_BINARY_DIR}/${name}.cpp.in "// Carries a precompiled header.\n")
  configure_file(${CMAKE_BINARY_DIR}/${name}.cpp.in ${CMAKE_BINARY_DIR}/${name}.cpp COPYONLY)
  add_library(${name} OBJECT ${CMAKE_BINARY_DIR}/${name}.cpp)
  target_link_libraries(${name} PRIVATE ${arg_LIBS})
  target_precompile_headers(${name} PRIVATE ${arg_HEADERS})
endfunction()
if(LLP_PCH AND NOT LLP_ENGINE_ONLY)
  llp_pch_holder(llp_pch LIBS llp_asio fmt::fmt HEADERS ${LLP_PCH_HEADERS})
endif()

# Private: flags and precompiled header of one target. LLP_UNITY compiles so many
# files as one: what templates of the libraries become is then made once for all
# of them. A directory whose files use the same names privately sets it to 0.
function(llp_cxx_target name pch)
  if(LLP_UNITY)
    set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${LLP_UNITY})
    # The warning spares a source file, and takes the sources of one for headers.
    target_compile_options(${name} PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-subobject-linkage>)
  endif()
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR}/daemon)
  target_compile_options(${name} PRIVATE ${LLP_WARNINGS})
  if(LLP_PCH AND NOT LLP_ENGINE_ONLY)
    # A header made with other macros is not used, and reads asio as text.
    target_link_libraries(${name} PRIVATE llp_asio fmt::fmt)
    target_precompile_headers(${name} REUSE_FROM ${pch})
    set_target_properties(${name} PROPERTIES PCH_WARN_INVALID OFF)
  endif()
endfunction()

# llp_library(NAME [LIBS...]): a static library, included as
# "<directory>/<header>.hpp" from daemon/.
function(llp_library name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(NOT sources)
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE ${PROJECT_SOURCE_DIR}/daemon)
    target_link_libraries(${name} INTERFACE ${ARGN})
    return()
  endif()
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC ${ARGN})
  llp_cxx_target(${name} llp_pch)
endfunction()

# llp_program(NAME [LIBS...]): a program in bin/
function(llp_program name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE ${ARGN})
  llp_cxx_target(${name} llp_pch)
endfunction()

# llp_unit_test(NAME [LIBS...]): a GoogleTest program in tests/, registered
# with CTest, from which tests/run takes the list of what must run.
function(llp_unit_test name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(NOT sources)
    message(WARNING "${name} has no sources: not built")
    return()
  endif()
  # With LLP_ENGINE_ONLY, the tests of what is not there are left out.
  foreach(lib ${ARGN})
    if(LLP_ENGINE_ONLY AND lib MATCHES "^llp_" AND NOT TARGET ${lib})
      return()
    endif()
  endforeach()
  find_package(GTest REQUIRED)
  if(LLP_PCH AND NOT LLP_ENGINE_ONLY AND NOT TARGET llp_test_pch)
    llp_pch_holder(llp_test_pch LIBS llp_asio fmt::fmt GTest::gmock
      HEADERS ${LLP_PCH_HEADERS} <gtest/gtest.h> <gmock/gmock.h>)
  endif()
  add_executable(${name} ${sources})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/unit)
  target_link_libraries(${name} PRIVATE ${ARGN} GTest::gtest GTest::gmock GTest::gtest_main)
  llp_cxx_target(${name} llp_test_pch)
  # GoogleTest's macros are an if-else of their own, made to stand after an if.
  target_compile_options(${name} PRIVATE -Wno-dangling-else)
  add_test(NAME ${name} COMMAND ${name})
endfunction()

# llp_fuzz_target(NAME SOURCES...): a libFuzzer program in fuzz/. The engine is
# compiled once more with the fuzzer's instrumentation, or, to see what the
# inputs reach, with counters of lines and branches (LLP_FUZZ_COVERAGE).
# Comparisons, indirect calls and stack depth are not traced: half the time went
# there, and the targets' own mutator knows the frames.
set(LLP_FUZZ_FLAGS -O2 -g -fno-omit-frame-pointer
  -fno-sanitize-coverage=trace-cmp,indirect-calls,stack-depth)
if(LLP_FUZZ_COVERAGE)
  set(LLP_FUZZ_ENGINE_FLAGS -O1 -g -fprofile-instr-generate -fcoverage-mapping)
  set(LLP_FUZZ_SANITIZE -fsanitize=fuzzer)
else()
  list(APPEND LLP_FUZZ_FLAGS -fno-sanitize-recover=all -fsanitize-address-use-after-return=never)
  set(LLP_FUZZ_ENGINE_FLAGS ${LLP_FUZZ_FLAGS} -fsanitize=fuzzer-no-link,address,undefined)
  set(LLP_FUZZ_SANITIZE -fsanitize=fuzzer,address,undefined)
endif()
function(llp_fuzz_target name)
  if(NOT TARGET llp_proto_fuzz)
    file(GLOB engine CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/kmod/proto/*.c)
    add_library(llp_proto_fuzz STATIC ${engine})
    target_include_directories(llp_proto_fuzz PUBLIC ${PROJECT_SOURCE_DIR}/kmod)
    target_compile_options(llp_proto_fuzz PRIVATE ${LLP_FUZZ_ENGINE_FLAGS})
    if(LLP_FUZZ_COVERAGE)
      target_link_options(llp_proto_fuzz PUBLIC -fprofile-instr-generate)
    endif()
  endif()
  add_executable(${name} ${ARGN})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz)
  target_compile_options(${name} PRIVATE ${LLP_WARNINGS} ${LLP_FUZZ_FLAGS} ${LLP_FUZZ_SANITIZE})
  target_link_options(${name} PRIVATE ${LLP_FUZZ_SANITIZE})
  target_link_libraries(${name} PRIVATE llp_proto_fuzz)
endfunction()
