#include <fluxlib/plugin.hpp>

#include "my_counter.hpp"

FLUX_REGISTER_NODE(MyCounter, "my-counter");
