# SPDX-License-Identifier: BSD-3-Clause
# Flags and helpers shared by every directory.

set(LLP_WARNINGS -Wall -Wextra -Wshadow -Wcast-align -Wformat=2 -Wundef -Wpointer-arith)

if(LLP_SANITIZE)
  add_compile_options(-fsanitize=${LLP_SANITIZE} -fno-omit-frame-pointer -g)
  add_link_options(-fsanitize=${LLP_SANITIZE})
  if(LLP_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()

# Asio stands alone and without its own exceptions-in-headers build; clang
# needs to be told that it can do coroutines.
add_library(llp_asio INTERFACE)
target_compile_definitions(llp_asio INTERFACE ASIO_STANDALONE ASIO_NO_DEPRECATED)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_definitions(llp_asio INTERFACE ASIO_HAS_CO_AWAIT=1 ASIO_HAS_STD_COROUTINE=1)
endif()
target_link_libraries(llp_asio INTERFACE Threads::Threads)

# llp_library(NAME [LIBS...]): one static library of all .cpp files in this
# directory, included as "<directory>/<header>.hpp" from daemon/.
function(llp_library name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  add_library(${name} STATIC ${sources})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR}/daemon)
  target_compile_options(${name} PRIVATE ${LLP_WARNINGS})
  target_link_libraries(${name} PUBLIC ${ARGN})
endfunction()

# llp_unit_test(NAME LIBS...): a GoogleTest program of all .cpp files in this
# directory; its results are written as XML by tests/run.
function(llp_unit_test name)
  find_package(GTest REQUIRED)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  add_executable(${name} ${sources})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/daemon ${PROJECT_SOURCE_DIR}/tests/unit)
  target_compile_options(${name} PRIVATE ${LLP_WARNINGS})
  target_link_libraries(${name} PRIVATE ${ARGN} GTest::gtest GTest::gmock GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name})
endfunction()
