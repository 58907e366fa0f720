// SPDX-License-Identifier: MIT
// The program that libFuzzer drives. FLUXLIB_FUZZ_TARGET is the name of its target.
#include <cstddef>
#include <cstdint>
#include <string_view>

void FLUXLIB_FUZZ_TARGET(std::string_view input);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    FLUXLIB_FUZZ_TARGET({reinterpret_cast<const char*>(data), size});
    return 0;
}
