// SPDX-License-Identifier: MIT
// The fuzz targets over their seeds, with every compiler and sanitizer.
#include "replay.hpp"

#define REPLAY(target)                                                                                       \
    void fuzz_##target(std::string_view input);                                                              \
    TEST(FuzzReplay, target) { fluxmq::fuzz::replay(fuzz_##target, FLUXLIB_FUZZ_CORPUS "/" #target); }

REPLAY(creds)
REPLAY(header_block)
REPLAY(info)
REPLAY(json)
REPLAY(out_frames)
REPLAY(protocol)
REPLAY(read_buffer)
REPLAY(subject)
REPLAY(url)
