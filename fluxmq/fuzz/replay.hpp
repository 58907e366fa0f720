// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace fluxmq::fuzz {

/// Runs `target` over every file of `corpus` and over every beginning of each.
inline void replay(void (*target)(std::string_view), const std::filesystem::path& corpus) {
    ASSERT_TRUE(std::filesystem::is_directory(corpus)) << corpus << " is no folder";
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator{corpus}) {
        std::ifstream file{entry.path(), std::ios::binary};
        const std::string bytes{std::istreambuf_iterator<char>{file}, {}};
        ASSERT_TRUE(file) << "cannot read " << entry.path();
        ++files;
        for (std::size_t size = 0; size <= bytes.size(); ++size) {
            // Storage of exactly this size, so that the address sanitizer sees a read behind it.
            const std::vector<char> input(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
            try {
                target({input.data(), input.size()});
            } catch (const std::exception& error) {
                FAIL() << error.what() << ", for the first " << size << " bytes of " << entry.path();
            }
        }
    }
    EXPECT_GT(files, 0U) << corpus << " has no files";
}

} // namespace fluxmq::fuzz
