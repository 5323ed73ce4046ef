# SPDX-License-Identifier: Apache-2.0
# Finds DuckDB's shared library and C header: a system libduckdb when there is one, else the pinned
# ones that tools/fetch-duckdb brings into build/deps/duckdb.
set(EG_DUCKDB_DIR ${CMAKE_SOURCE_DIR}/build/deps/duckdb)
find_library(EG_DUCKDB_LIBRARY duckdb PATHS ${EG_DUCKDB_DIR} NO_CMAKE_FIND_ROOT_PATH)
find_path(EG_DUCKDB_INCLUDE duckdb.h PATHS ${EG_DUCKDB_DIR} NO_CMAKE_FIND_ROOT_PATH)
if(NOT EG_DUCKDB_LIBRARY OR NOT EG_DUCKDB_INCLUDE)
  message(FATAL_ERROR "DuckDB is missing: run tools/fetch-duckdb (make does it)")
endif()
add_library(DuckDB::duckdb SHARED IMPORTED)
set_target_properties(DuckDB::duckdb PROPERTIES IMPORTED_LOCATION ${EG_DUCKDB_LIBRARY}
  IMPORTED_NO_SONAME ON INTERFACE_INCLUDE_DIRECTORIES ${EG_DUCKDB_INCLUDE})
