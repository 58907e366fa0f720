// SPDX-License-Identifier: MIT
// What the tests of the NATS client share with the conformance suite.
#pragma once

#include "conformance/support.hpp" // IWYU pragma: export
