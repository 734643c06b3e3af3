// outside MODELREFD CATALOGUE DATA: what a user of the installed package writes. Starts the server
// on a copy of the catalogue, reads it with the client, and stops the server.

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "clients/cpp/client.h"
#include "modelref/v1/reference.pb.h"

namespace {

// Counts the models of image_generation, as a server at `address` knows them.
absl::StatusOr<uint64_t> CountImageModels(const std::string& address) {
  modelref::ClientOptions options;
  options.address = address;
  options.connect_timeout = absl::Seconds(20);
  options.call_timeout = absl::Seconds(30);
  auto client = modelref::Client::Create(options);
  if (!client.ok()) return client.status();
  const auto answer = (*client)->ListCategories(modelref::v1::ListCategoriesRequest());
  if (!answer.ok()) return answer.status();
  for (const auto& category : answer->categories()) {
    if (category.category() == "image_generation") return category.model_count();
  }
  return absl::NotFoundError("no image_generation");
}

// Asks the server to stop; true when it ends well.
bool Stop(pid_t server) {
  int status = 0;
  kill(server, SIGTERM);
  waitpid(server, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return EXIT_FAILURE;
  const std::string data = argv[3];
  std::filesystem::copy(argv[2], data);

  // A socket by a short path: those of build trees may be longer than a socket address.
  std::string folder = (std::filesystem::temp_directory_path() / "outside-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) return EXIT_FAILURE;
  const std::string address = absl::StrCat("unix:", folder, "/socket");
  const char* const arguments[] = {argv[1],         "--data-dir",     data.c_str(),  "--listen",
                                   address.c_str(), "--admin-listen", "127.0.0.1:0", nullptr};
  pid_t server = 0;
  if (posix_spawn(&server, argv[1], nullptr, nullptr, const_cast<char* const*>(arguments),
                  environ) != 0) {
    return EXIT_FAILURE;
  }
  const auto models = CountImageModels(address);
  const bool stopped = Stop(server);
  std::filesystem::remove_all(folder);

  std::cout << "models: " << (models.ok() ? absl::StrCat(*models) : models.status().ToString())
            << ", stopped: " << stopped << "\n";
  return models.ok() && *models == 7 && stopped ? EXIT_SUCCESS : EXIT_FAILURE;
}
