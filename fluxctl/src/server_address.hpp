// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace fluxctl {

struct ServerAddress {
    std::string host;
    std::string port;
};

/// Of the first server in a NATS URL, for a look at it without NATS. It does not check the URL.
ServerAddress first_server(std::string_view url);

} // namespace fluxctl
