# How everything of ours is compiled. All targets share these flags, so that they can share precompiled headers.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)

# One setting for libraries and programs: g++ rejects a precompiled header made with other -fPIC/-fPIE flags.
add_compile_options(-Wall -Wextra -Wpedantic -fPIC)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # False with g++ 12 in coroutines of Asio: it inlines one half of the frame's own operator new and delete.
    add_compile_options(-Wno-mismatched-new-delete)
    # Asio's fences: the sanitizer does not see them, and needs not, for a mutex orders the same accesses.
    add_compile_options(-Wno-tsan)
    if(CMAKE_UNITY_BUILD)
        # It takes the sources of a batch for headers, whose unnamed namespaces would be another one in each source.
        add_compile_options(-Wno-subobject-linkage)
    endif()
endif()
if(FLUXLIB_WERROR)
    add_compile_options(-Werror)
endif()

find_program(FLUXLIB_CCACHE ccache)
if(FLUXLIB_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    # Without this slack ccache does not store objects that use a precompiled header.
    set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env
        CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime "${FLUXLIB_CCACHE}")
    if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
        add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
    elseif(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
        add_compile_options(-fpch-preprocess)
    endif()
endif()
