// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace fluxmq {

/// How a transport secures its connection. Files are PEM, and are read anew for each connection, so that
/// certificates can be renewed under a running program. TLS 1.2 is the least that is spoken.
struct TlsOptions {
    /// Never talk to a server without TLS. A `tls://` address asks for the same, and so does each option below. A
    /// server that demands TLS gets it in any case.
    bool required = false;

    /// Begin with TLS, where NATS servers usually say who they are in clear first: for servers with
    /// `handshake_first` and those behind a proxy that ends TLS.
    bool handshake_first = false;

    /// The authorities that are trusted. Empty: those of the system.
    std::string ca_file = {};

    /// Our own certificate, with its chain, and its key, for servers that ask for one. Both or none; the key must
    /// not be encrypted.
    std::string certificate_file = {};
    std::string key_file = {};

    /// The name that the server's certificate must have. Empty: the host of its address.
    std::string server_name = {};

    /// DANGER: takes any certificate of any server, so that whoever is on the way can read and change everything,
    /// credentials included. Each such connection raises ConnectionState::insecure. For experiments only.
    bool insecure_skip_verify = false;

    /// Whether any of it asks for TLS.
    bool wanted() const noexcept {
        return required || handshake_first || insecure_skip_verify || !ca_file.empty() ||
               !certificate_file.empty() || !key_file.empty() || !server_name.empty();
    }
};

} // namespace fluxmq
