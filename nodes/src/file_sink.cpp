// SPDX-License-Identifier: MIT
#include "file_sink.hpp"

#include <fluxmq/error.hpp>

#include <cerrno>
#include <cstring>
#include <utility>

namespace flux_stock {

using fluxlib::Task;
using fluxmq::errc;
using fluxmq::Error;

Task<> FileSink::open(std::string path, bool append) {
    path_ = std::move(path);
    const auto work = [this, append] {
        file_.reset(std::fopen(path_.c_str(), append ? "abe" : "wbe"));
        if (!file_)
            throw Error{errc::invalid_settings,
                        "field 'path': the file '" + path_ + "' cannot be written: " + std::strerror(errno)};
        std::fseek(file_.get(), 0, SEEK_END);
        is_new_ = std::ftell(file_.get()) <= 0;
    };
    co_await fluxlib::offload(std::cref(work));
}

bool FileSink::add(std::string_view text) {
    waiting_ += text;
    return waiting_.size() >= enough;
}

Task<> FileSink::write() {
    if (waiting_.empty() || !file_)
        co_return;
    const auto text = std::exchange(waiting_, {});
    const auto work = [this, &text] {
        const bool written = std::fwrite(text.data(), 1, text.size(), file_.get()) == text.size();
        if (std::fflush(file_.get()) != 0 || !written)
            throw Error{errc::hook_failed, "the file '" + path_ + "' cannot be written, and up to " +
                                               std::to_string(text.size()) +
                                               " bytes are lost: " + std::strerror(errno)};
    };
    co_await fluxlib::offload(std::cref(work));
}

Task<> FileSink::close() {
    co_await write();
    file_.reset();
}

} // namespace flux_stock
