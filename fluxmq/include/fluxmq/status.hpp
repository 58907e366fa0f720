// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace fluxmq {

/// The strings a service announces its state with, raw on the wire (docs/protocol.md). Derive and override to
/// use others.
class Status {
public:
    virtual ~Status() = default;
    virtual std::string starting() const { return "STARTING"; }
    /// Every service topic is subscribed; a config sent now is not lost.
    virtual std::string connected() const { return "CONNECTED"; }
    /// A config is applied and every node subscription is live.
    virtual std::string ready() const { return "READY"; }
    /// At least one node runs. The Go SDK says "READY" then.
    virtual std::string active() const { return "ACTIVE"; }
    /// No node runs any more.
    virtual std::string paused() const { return "PAUSED"; }
    /// The service itself failed.
    virtual std::string error() const { return "ERROR"; }
    virtual std::string stopping() const { return "STOPPING"; }
    virtual std::string stopped() const { return "STOPPED"; }
};

} // namespace fluxmq
