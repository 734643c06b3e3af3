#pragma once

// The commands by area, each described next to its code.

#include <vector>

#include "clients/modelrefctl/command_table.h"

namespace modelref::ctl {

std::vector<CommandSpec> CategoryCommands();
CommandSpec CategoryMetadataCommand();  // One of these.
std::vector<CommandSpec> HeldCommands();
std::vector<CommandSpec> CategoryImportCommands();
std::vector<CommandSpec> ModelCommands();
std::vector<CommandSpec> ModelWriteCommands();
std::vector<CommandSpec> WatchCommands();
std::vector<CommandSpec> SyncCommands();
std::vector<CommandSpec> ServerCommands();
std::vector<CommandSpec> ImportCommands();
std::vector<CommandSpec> AuditCommands();
std::vector<CommandSpec> StoreCommands();
CommandSpec StoreRepairCommand();  // One of these.
std::vector<CommandSpec> TokenCommands();
std::vector<CommandSpec> ContextCommands();
std::vector<CommandSpec> HelpCommands();

}  // namespace modelref::ctl
