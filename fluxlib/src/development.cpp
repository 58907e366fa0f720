// SPDX-License-Identifier: MIT
#include "development.hpp"

#include <fluxmq/error.hpp>
#include <fluxmq/subject.hpp>

#include <boost/uuid/random_generator.hpp>
#include <boost/uuid/uuid_io.hpp>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace fluxlib {

using fluxmq::errc;
using fluxmq::Error;

namespace {

[[noreturn]] void fail(const std::string& file, const std::string& why) {
    throw Error{errc::invalid_config, "the development id in '" + file + "': " + why};
}

std::string reason() { return std::generic_category().message(errno); }

} // namespace

std::string development_id(const std::string& file) {
    if (std::filesystem::exists(file)) {
        std::ifstream in{file};
        std::string id{std::istreambuf_iterator<char>{in}, {}};
        if (!in.good() && !in.eof())
            fail(file, "it cannot be read: " + reason());
        id.erase(id.find_last_not_of(" \t\r\n") + 1);
        if (const auto why = fluxmq::publish_problem(id); !why.empty())
            fail(file, "it cannot be part of a topic: " + why + "; delete the file to get a new one");
        return id;
    }
    auto id = to_string(boost::uuids::random_generator{}());
    std::ofstream out{file};
    out << id << std::flush;
    if (!out)
        fail(file, "it cannot be written: " + reason());
    return id;
}

} // namespace fluxlib
