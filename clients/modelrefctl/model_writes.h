#pragma once

// The commands that change models, each described next to its code; see ModelWriteCommands().

#include "clients/modelrefctl/command_table.h"

namespace modelref::ctl {

CommandSpec ModelPutCommand();
CommandSpec ModelDiffCommand();
CommandSpec ModelDeleteCommand();
CommandSpec ModelEditCommand();

}  // namespace modelref::ctl
