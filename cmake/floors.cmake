# One static library per folder of src/, and one test program per folder from its *_test.cpp files.
#
#   anynpu_folder(NAME [COLD] USES FOLDER... [LINKS TARGET...])
#
# COLD: what runs once. It is compiled for size, which takes two thirds of the compiler's time.
# USES names folders of lower floors only; tests/include_graph_test.cpp holds the sources to that.
add_library(anynpu_flags INTERFACE)
target_include_directories(anynpu_flags INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_BINARY_DIR}/src)
target_compile_options(anynpu_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 sees these in correct code of its own library once it has inlined it (GCC bugs 105329, 105651).
  target_compile_options(anynpu_flags INTERFACE -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread -Wno-restrict)
  if(CMAKE_UNITY_BUILD)  # takes the .cpp files that it includes for headers
    target_compile_options(anynpu_flags INTERFACE -Wno-subobject-linkage)
  endif()
endif()
if(ANYNPU_WERROR)
  target_compile_options(anynpu_flags INTERFACE -Werror)
endif()
target_compile_definitions(anynpu_flags INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED BOOST_BEAST_SEPARATE_COMPILATION
  SPDLOG_FMT_EXTERNAL)
target_link_libraries(anynpu_flags INTERFACE Threads::Threads ${CMAKE_DL_LIBS})

# A test is compiled as often as it is run: there the optimiser costs more time than it saves.
add_library(anynpu_test_flags INTERFACE)
target_compile_options(anynpu_test_flags INTERFACE $<$<NOT:$<CONFIG:Debug>>:-O0>
  $<$<CXX_COMPILER_ID:Clang>:-fno-sanitize=fuzzer-no-link>)  # no fuzz target has tests in it, and they take twice as long
target_include_directories(anynpu_test_flags INTERFACE ${CMAKE_SOURCE_DIR}/tests/support ${CMAKE_SOURCE_DIR})
target_link_libraries(anynpu_test_flags INTERFACE GTest::gtest GTest::gmock GTest::gtest_main)

function(anynpu_folder name)
  cmake_parse_arguments(ARG "COLD" "" "USES;LINKS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cpp ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*/*.cpp)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$|/main\\.cpp$")
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(TRANSFORM ARG_USES PREPEND anynpu_)
  if(sources)
    add_library(anynpu_${name} STATIC ${sources})
    target_link_libraries(anynpu_${name} PUBLIC anynpu_flags ${ARG_USES} ${ARG_LINKS})
    if(ARG_COLD AND NOT CMAKE_CROSSCOMPILING)  # the preset for arm64 has -O1 for all
      target_compile_options(anynpu_${name} PRIVATE $<$<CONFIG:Release>:-Os>)
    endif()
  else()
    add_library(anynpu_${name} INTERFACE)
    target_link_libraries(anynpu_${name} INTERFACE anynpu_flags ${ARG_USES} ${ARG_LINKS})
  endif()
  if(ANYNPU_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE anynpu_${name} anynpu_test_flags)
    set_property(GLOBAL APPEND PROPERTY ANYNPU_UNIT_TESTS ${name}_test)
    add_test(NAME ${name} COMMAND ${CMAKE_CROSSCOMPILING_EMULATOR} $<TARGET_FILE:${name}_test>)
    # An emulator and a sanitizer take ten times as long.
    set(limit 600)
    if(CMAKE_CROSSCOMPILING OR "${CMAKE_CXX_FLAGS}" MATCHES "-fsanitize=")
      set(limit 1800)
    endif()
    set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT ${limit})
  endif()
endfunction()
