#pragma once

namespace modelref {

// What an event does to a record; the values are those of the database.
enum class Operation { kCreate = 1, kUpdate = 2, kDelete = 3 };

}  // namespace modelref
