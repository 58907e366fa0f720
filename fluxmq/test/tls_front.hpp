// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace fluxmq::test {

/// Ends TLS in front of a server that knows nothing of it, as a proxy does: its clients begin with TLS. On a free port
/// of 127.0.0.1, in a thread of its own.
class TlsFront {
public:
    TlsFront(const std::string& certificate_file, const std::string& key_file, std::uint16_t server_port);
    ~TlsFront();

    std::string address() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace fluxmq::test
