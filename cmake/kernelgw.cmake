# Flags and helpers that every room shares.
add_library(kg_flags INTERFACE)
target_include_directories(kg_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_definitions(kg_flags INTERFACE _GNU_SOURCE KERNELGW_VERSION="${PROJECT_VERSION}")
target_compile_options(kg_flags INTERFACE
  -std=gnu17 -Wall -Wextra -Wconversion -Wno-sign-conversion -Wshadow -Wstrict-prototypes
  -Wmissing-prototypes -Wold-style-definition -Wcast-qual -Wwrite-strings -Wvla -Wundef -Wformat=2
  -Wimplicit-fallthrough -Wdouble-promotion -Wpointer-arith -Wno-format-zero-length -fno-omit-frame-pointer)
if(CMAKE_C_COMPILER_ID STREQUAL GNU)
  target_compile_options(kg_flags INTERFACE -Wlogical-op -Wduplicated-cond -Wduplicated-branches
    -Wno-format-truncation)
endif()
if(KERNELGW_WERROR)
  target_compile_options(kg_flags INTERFACE -Werror)
endif()
if(KERNELGW_SANITIZE)
  # with the assertions, which optimised builds leave out
  target_compile_options(kg_flags INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=undefined -UNDEBUG)
  target_link_options(kg_flags INTERFACE -fsanitize=address,undefined)
elseif(KERNELGW_TSAN)
  target_compile_options(kg_flags INTERFACE -fsanitize=thread)
  target_link_options(kg_flags INTERFACE -fsanitize=thread)
else()
  target_compile_options(kg_flags INTERFACE -fstack-protector-strong -fPIE)
  target_compile_definitions(kg_flags INTERFACE $<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=2>)
  target_link_options(kg_flags INTERFACE -Wl,-z,relro,-z,now)
endif()
if(KERNELGW_LIBFUZZER)
  # all code is watched by the fuzzer, not only its target
  target_compile_options(kg_flags INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(kg_flags INTERFACE -fsanitize=fuzzer-no-link)
  add_custom_target(fuzzers)
endif()

# kg_room(NAME LIBS...): a static library of all .c files of this folder, and what it builds on.
function(kg_room name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
  list(FILTER sources EXCLUDE REGEX "main\\.c$")
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC kg_flags ${ARGN})
endfunction()

# kg_unit_tests(FOLDER LIBS...): every test_X.c in FOLDER is one cmocka program named FOLDER/X in ctest.
function(kg_unit_tests folder)
  file(GLOB tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/test_*.c)
  foreach(source ${tests})
    get_filename_component(test ${source} NAME_WE)
    string(REGEX REPLACE "^test_" "" short ${test})
    set(program unit_${folder}_${short})
    string(REPLACE "/" "_" program ${program})
    add_executable(${program} ${source})
    target_link_libraries(${program} PRIVATE ${ARGN} cmocka)
    add_test(NAME unit/${folder}/${short} COMMAND ${program})
    set_tests_properties(unit/${folder}/${short} PROPERTIES TIMEOUT 120)
  endforeach()
endfunction()

# kg_fuzz(NAME LIBS...): fuzz_NAME.c beside its corpus/NAME/. Under libFuzzer a fuzzer, else a program
# that replays the corpus, run by ctest.
function(kg_fuzz name)
  add_executable(fuzz_${name} fuzz_${name}.c)
  target_link_libraries(fuzz_${name} PRIVATE ${ARGN})
  if(KERNELGW_LIBFUZZER)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    add_dependencies(fuzzers fuzz_${name})
  else()
    target_sources(fuzz_${name} PRIVATE replay_main.c)
    add_test(NAME fuzz/${name} COMMAND fuzz_${name} ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name})
  endif()
endfunction()
