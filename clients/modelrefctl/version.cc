#include "clients/modelrefctl/version.h"

namespace modelref::ctl {

absl::string_view Version() { return MODELREF_VERSION; }

}  // namespace modelref::ctl
