#include "tests/e2e/modelrefd_child.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "backends/base/json.h"
#include "backends/base/mutex.h"
#include "gtest/gtest.h"
#include "tests/testing/shared_data.h"

namespace modelref::testing {
namespace {

std::string Field(const Json& line, absl::string_view name) {
  const Json* value = line.AsObject() == nullptr ? nullptr : line.AsObject()->Find(name);
  return value == nullptr || value->AsString() == nullptr ? "" : *value->AsString();
}

std::vector<std::string> Arguments(const std::string& data_dir,
                                   const std::vector<std::string>& flags) {
  std::vector<std::string> arguments = {"--data-dir",  data_dir,         "--listen",
                                        "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  return arguments;
}

}  // namespace

ServerChild::ServerChild(const std::string& data_dir, const std::vector<std::string>& flags,
                         const std::vector<std::pair<std::string, std::string>>& variables)
    : process_(std::make_unique<Child>("modelrefd", Arguments(data_dir, flags), variables)),
      pid_(process_->pid()) {
  EXPECT_TRUE(process_->WaitForText("err", "server.started")) << process_->err();
  for (const absl::string_view line : absl::StrSplit(process_->err(), '\n')) {
    const absl::StatusOr<Json> json = ParseJson(line);
    if (!json.ok() || Field(*json, "listen").empty()) continue;
    address_ = Field(*json, "listen");
    admin_ = Field(*json, "admin");
  }
  ClientOptions options;
  options.address = address_;
  options.retry.max_attempts = 1;
  absl::StatusOr<std::unique_ptr<Client>> client = Client::Create(options);
  EXPECT_TRUE(client.ok()) << client.status();
  if (client.ok()) client_ = *std::move(client);
}

std::string ServerChild::HttpGet(const std::string& path) const {
  int port = 0;
  EXPECT_TRUE(absl::SimpleAtoi(admin_.substr(admin_.rfind(':') + 1), &port)) << admin_;
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
  const std::string request = absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(write(fd, request.data(), request.size()), static_cast<ssize_t>(request.size()));
  std::string answer;
  char buffer[4096];
  ssize_t size = 0;
  while ((size = read(fd, buffer, sizeof(buffer))) > 0) {
    answer.append(buffer, static_cast<size_t>(size));
  }
  close(fd);
  return answer;
}

double ServerChild::Metric(const std::string& name) const {
  for (const absl::string_view line : absl::StrSplit(HttpGet("/metrics"), '\n')) {
    double value = 0;
    if (absl::StartsWith(line, absl::StrCat(name, " ")) &&
        absl::SimpleAtod(line.substr(name.size() + 1), &value)) {
      return value;
    }
  }
  return 0;
}

std::vector<std::string> ServerChild::LogLines(absl::string_view level,
                                               absl::string_view text) const {
  std::vector<std::string> lines;
  for (const absl::string_view line : absl::StrSplit(process_->err(), '\n')) {
    const absl::StatusOr<Json> json = ParseJson(line);
    if (!json.ok() || !absl::StrContains(line, text)) continue;
    if (absl::EqualsIgnoreCase(Field(*json, "level"), level)) lines.emplace_back(line);
  }
  return lines;
}

absl::StatusOr<v1::GetCategoryResponse> ServerChild::Get(const std::string& category,
                                                         v1::Format format,
                                                         v1::Representation representation) {
  v1::GetCategoryRequest request;
  request.set_category(category);
  request.set_format(format);
  request.set_representation(representation);
  return client_->GetCategory(request);
}

void PauseBetweenLooks() {
  Mutex mutex;
  CondVar never;
  MutexLock lock(&mutex);
  never.WaitFor(&mutex, absl::Milliseconds(5));
}

std::string Models(int first, int last, absl::string_view description) {
  std::string text = "{";
  for (int i = first; i <= last; ++i) {
    absl::StrAppend(&text, i == first ? "\n" : ",\n", "  \"model-", i, "\": {\"name\": \"model-", i,
                    "\", \"description\": \"", description, "\"}");
  }
  return text + "\n}\n";
}

std::string SharedFolder() {
  const std::string folder = SharedDir();
  return std::filesystem::is_directory(folder + "/data") ? folder : "";
}

}  // namespace modelref::testing
