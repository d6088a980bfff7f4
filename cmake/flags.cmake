# SPDX-License-Identifier: BSD-3-Clause
# Compiler and linker flags of every user-space target.

set(LLP_WARNINGS -Wall -Wextra -Wshadow -Wcast-align -Wformat=2 -Wundef -Wpointer-arith
  $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>
  $<$<COMPILE_LANGUAGE:CXX>:-Woverloaded-virtual>
  $<$<COMPILE_LANGUAGE:CXX>:-Wdeprecated-copy-dtor>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # A coroutine's frame comes from and goes back to Asio's pool; where GCC 12
  # inlines one of the two and not the other, it takes them for a mismatch.
  list(APPEND LLP_WARNINGS $<$<COMPILE_LANGUAGE:CXX>:-Wno-mismatched-new-delete>)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # libstdc++'s own stable_sort() calls what C++17 deprecated; only GCC knows it for a system header.
  list(APPEND LLP_WARNINGS $<$<COMPILE_LANGUAGE:CXX>:-Wno-deprecated-declarations>)
endif()
if(LLP_WERROR)
  list(APPEND LLP_WARNINGS -Werror)
endif()

set(CMAKE_C_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")

# Sanitizers find the same errors without the optimiser, in half the time to
# compile; the engine is plain C, compiles at once, and runs the longest loops.
set(CMAKE_C_FLAGS_SANITIZE "-O1 -g1 -fno-omit-frame-pointer")
set(CMAKE_CXX_FLAGS_SANITIZE "-O0 -g1 -fno-omit-frame-pointer")
if(LLP_SANITIZE MATCHES "thread")
  # Every access that the optimiser leaves is a call: without it, tests take ten
  # times as long, and to compile takes no less.
  set(CMAKE_CXX_FLAGS_SANITIZE "-O1 -g1 -fno-omit-frame-pointer")
endif()
# What is instrumented is compiled by clang (CMakePresets.json), in half the time
# that GCC takes for it; GCC compiles what runs, and its tests.
set(CMAKE_C_FLAGS_COVERAGE "-O0 -g1")
set(CMAKE_CXX_FLAGS_COVERAGE "-O0 -g1")

# PIE everywhere, said once, so that one precompiled header serves libraries
# and programs.
if(LLP_SANITIZE)
  add_compile_options(-fPIE)
else()
  # Shared objects are made of the same files (tools/lua).
  add_compile_options(-fPIC)
endif()
add_link_options($<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-pie>)

if(LLP_SANITIZE)
  add_compile_options(-fsanitize=${LLP_SANITIZE})
  add_link_options(-fsanitize=${LLP_SANITIZE})
  if(LLP_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong
    -fstack-clash-protection)
  add_link_options(LINKER:-z,relro,-z,now)
endif()

# The engine (kmod/proto). What it may use of the C library, and how much
# stack, is checked by tests/lint/engine.
set(LLP_ENGINE_FLAGS -ffreestanding -fno-tree-vectorize -fno-strict-aliasing)
if(CMAKE_C_COMPILER_ID STREQUAL "Clang")
  list(REMOVE_ITEM LLP_ENGINE_FLAGS -fno-tree-vectorize)
  list(APPEND LLP_ENGINE_FLAGS -fno-vectorize -fno-slp-vectorize)
endif()
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|aarch64")
  list(APPEND LLP_ENGINE_FLAGS -mgeneral-regs-only)
endif()
set(LLP_ENGINE_WARNINGS ${LLP_WARNINGS} -Wstrict-prototypes -Wmissing-prototypes -Wno-sign-compare)
