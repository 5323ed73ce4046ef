# SPDX-License-Identifier: Apache-2.0
# Finds DuckDB's shared library and C header: a system libduckdb when there is one, else the pinned
# ones that tools/fetch-duckdb brings into build/deps/duckdb.
set(EG_DUCKDB_DIR ${CMAKE_SOURCE_DIR}/build/deps/duckdb)
find_library(EG_DUCKDB_LIBRARY duckdb PATHS ${EG_DUCKDB_DIR} NO_CMAKE_FIND_ROOT_PATH)
find_path(EG_DUCKDB_INCLUDE duckdb.h PATHS ${EG_DUCKDB_DIR} NO_CMAKE_FIND_ROOT_PATH)
if(NOT EG_DUCKDB_LIBRARY OR NOT EG_DUCKDB_INCLUDE)
  message(FATAL_ERROR "DuckDB is missing: run tools/fetch-duckdb (make does it)")
endif()
# It is loaded when it is needed (src/engine/duckdb_late.h): only the header is used here.
add_library(DuckDB::duckdb INTERFACE IMPORTED)
target_include_directories(DuckDB::duckdb INTERFACE ${EG_DUCKDB_INCLUDE})
get_filename_component(EG_DUCKDB_FOUND ${EG_DUCKDB_LIBRARY} DIRECTORY)
set(CMAKE_BUILD_RPATH ${EG_DUCKDB_FOUND})

file(STRINGS ${CMAKE_SOURCE_DIR}/src/engine/duckdb.def EG_DUCKDB_CALLS REGEX "^EG_DUCKDB\\(")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/engine/duckdb.def)
set(EG_DUCKDB_NAMES "/* Made from src/engine/duckdb.def by CMake. */\n")
foreach(line IN LISTS EG_DUCKDB_CALLS)
  string(REGEX REPLACE "^EG_DUCKDB\\(([a-z0-9_]+)\\)$" "#define \\1 (eg_duckdb.\\1)\n" line ${line})
  string(APPEND EG_DUCKDB_NAMES ${line})
endforeach()
file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/made/eg_duckdb_calls.h CONTENT "${EG_DUCKDB_NAMES}")
