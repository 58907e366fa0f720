// SPDX-License-Identifier: MIT
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace fluxmq::nats {

/// Overwrites what `text` holds, its spare room included, and empties it.
inline void wipe(std::string& text) noexcept {
    text.resize(text.capacity()); // does not allocate
    ::explicit_bzero(text.data(), text.size());
    text.clear();
}

/// Text that leaves no copy of itself behind: its memory is overwritten before it is given back.
class Secret {
public:
    Secret() noexcept = default;
    /// Takes `text` over, and wipes what that leaves of itself.
    explicit Secret(std::string&& text) noexcept : text_{std::move(text)} { wipe(text); }
    Secret(Secret&& other) noexcept : Secret{std::move(other.text_)} {}
    Secret& operator=(Secret&& other) noexcept {
        std::swap(text_, other.text_);
        return *this;
    }
    ~Secret() { wipe(text_); }

    void append(std::string_view more) {
        if (text_.capacity() - text_.size() < more.size()) {
            std::string larger;
            larger.reserve(2 * (text_.size() + more.size()));
            larger = text_;
            text_.swap(larger);
            wipe(larger);
        }
        text_ += more;
    }

    std::string_view view() const noexcept { return text_; }
    bool empty() const noexcept { return text_.empty(); }

private:
    std::string text_;
};

} // namespace fluxmq::nats
