// SPDX-License-Identifier: MIT
#include "replay.hpp"

void fuzz_config(std::string_view input);

TEST(FuzzReplay, config) { fluxmq::fuzz::replay(fuzz_config, FLUXLIB_FUZZ_CORPUS "/config"); }
