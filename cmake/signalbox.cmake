# One static library per folder, every source of the folder in it.
#
#   signalbox_library(NAME [LINKS lib...])
#
# makes target signalbox_NAME from *.c (and *.cc) beside the calling CMakeLists.txt.
# *.inc.c are bodies that another file includes: never compiled by themselves.

add_library(signalbox_options INTERFACE)
target_compile_definitions(signalbox_options INTERFACE _GNU_SOURCE SIGNALBOX_VERSION="${PROJECT_VERSION}")
target_include_directories(signalbox_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(signalbox_options INTERFACE -fno-omit-frame-pointer -fno-strict-aliasing
  $<$<C_COMPILER_ID:Clang>:$<$<COMPILE_LANGUAGE:C>:-fdouble-square-bracket-attributes>>)

add_library(signalbox_warnings INTERFACE)
target_compile_options(signalbox_warnings INTERFACE
  -Wall -Wextra -Wshadow -Wvla -Wno-unused-parameter
  $<$<COMPILE_LANG_AND_ID:C,GNU>:-Wno-maybe-uninitialized;-Wno-format-truncation> # the first guesses wrongly at -O3; cutting texts to size is meant
  $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition>
  $<$<BOOL:${SIGNALBOX_WERROR}>:-Werror>)

if(SIGNALBOX_SANITIZE)
  target_compile_options(signalbox_options INTERFACE -fsanitize=${SIGNALBOX_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(signalbox_options INTERFACE -fsanitize=${SIGNALBOX_SANITIZE})
  target_compile_definitions(signalbox_options INTERFACE SIGNALBOX_SANITIZED)
endif()
if(SIGNALBOX_FUZZ)
  target_compile_options(signalbox_options INTERFACE -fsanitize=fuzzer-no-link)
  target_compile_definitions(signalbox_options INTERFACE FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION)
endif()

function(signalbox_library name)
  cmake_parse_arguments(ARG "" "" "LINKS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  list(FILTER sources EXCLUDE REGEX "\\.inc\\.c$")
  if(NOT sources)
    add_library(signalbox_${name} INTERFACE)
    target_link_libraries(signalbox_${name} INTERFACE signalbox_options ${ARG_LINKS})
    return()
  endif()
  add_library(signalbox_${name} STATIC ${sources})
  target_link_libraries(signalbox_${name} PUBLIC signalbox_options ${ARG_LINKS} PRIVATE signalbox_warnings)
endfunction()
