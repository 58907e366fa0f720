// SPDX-License-Identifier: MIT
#include <fluxmq/receiver.hpp>

#include "intake.hpp"

#include <mutex>

namespace fluxmq {

Receiver::Offered Receiver::offer_through(Intake& intake, Message&& message) noexcept {
    const auto bytes = message.payload().size();
    const std::lock_guard lock{intake.lock};
    if (!intake.open())
        return Offered::ended;
    if (!offer(std::move(message)))
        return Offered::full;
    intake.took(bytes);
    return Offered::taken;
}

void Receiver::shut(Intake& intake) noexcept {
    const std::lock_guard lock{intake.lock};
    intake.shut();
}

} // namespace fluxmq
