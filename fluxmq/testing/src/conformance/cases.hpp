// SPDX-License-Identifier: MIT
// What every file of cases needs.
#pragma once

#include <fluxmq/testing/conformance.hpp>

#include "support.hpp"

namespace fluxmq::testing {

using namespace fluxmq::test;
using namespace std::chrono_literals;

// One in each file of cases: of a static library the linker takes only what something refers to.
void link_close_cases();
void link_content_cases();
void link_delivery_cases();
void link_drain_cases();
void link_error_cases();
void link_flow_cases();
void link_order_cases();
void link_queue_group_cases();
void link_reconnect_cases();
void link_request_cases();
void link_subscription_cases();

} // namespace fluxmq::testing
