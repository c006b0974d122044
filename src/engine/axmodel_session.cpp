// SPDX-License-Identifier: Apache-2.0
// An axmodel session.
//
// An artifact has one or more shape groups, each a fixed set of shapes of all its tensors; the
// shapes of the inputs choose the group. Where the compiler allowed a dynamic batch, the leading
// dimension of a lone group counts requests. Each tensor has a buffer on the card, as large as its
// largest group or batch needs.
#include "engine/axmodel_session.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "engine/axmodel_facts.h"
#include "engine/axmodel_io.h"
#include "engine/session_inputs.h"

namespace anynpu::engine::axcl {
namespace {

/// A model on the card with what belongs to it, given back in the right order.
struct Loaded {
  std::shared_ptr<Card> card;
  std::uint64_t id = 0;
  std::uint64_t context = 0;
  Handle info = nullptr;
  Handle io = nullptr;
  bool on_card = false;

  Loaded() = default;
  Loaded(const Loaded&) = delete;
  Loaded& operator=(const Loaded&) = delete;
  ~Loaded() {
    if (!card || !card->bind_thread()) return;
    const Api& api = card->api();
    if (io != nullptr) api.destroy_io(io);
    if (info != nullptr) api.destroy_io_info(info);
    if (on_card) api.unload(id);
  }
};

class AxmodelSession : public Session {
 public:
  AxmodelSession(std::unique_ptr<Loaded> loaded, ModelIo io)
      : loaded_(std::move(loaded)), io_(std::move(io)) {}

  const SessionInfo& info() const override { return io_.session; }

  Result<> set_input_shapes(const std::vector<Shape>& shapes) override {
    if (chosen_ && shapes == shapes_) return {};
    ANYNPU_CHECK(check_input_shapes(io_.session, shapes, 1));
    ANYNPU_CHECK(bind());
    ANYNPU_TRY(choice, choose_group(io_, shapes));
    chosen_ = false;
    ANYNPU_CHECK(give_buffers(choice));
    if (io_.session.batchable)
      if (Status status = api().set_dynamic_batch(loaded_->io, static_cast<unsigned>(choice.batch));
          status != 0)
        return card_error(fmt::format("choosing a batch of {}", choice.batch), status);
    choice_ = choice;
    shapes_ = shapes;
    chosen_ = true;
    return {};
  }

  Result<> set_input(std::size_t index, std::span<const std::byte> bytes) override {
    if (!chosen_) return shapes_missing(io_.session);
    const Shape shape = index < shapes_.size() ? shapes_[index] : Shape{};
    ANYNPU_CHECK(check_input(io_.session, index, shape, bytes));
    ANYNPU_CHECK(bind());
    if (Status status =
            api().memcpy(inputs_[index].data(), bytes.data(), bytes.size(), kHostToDevice);
        status != 0)
      return card_error(
          fmt::format("sending input '{}' to the card", io_.session.inputs[index].name), status);
    return {};
  }

  Result<> run() override {
    if (!chosen_) return shapes_missing(io_.session);
    ANYNPU_CHECK(bind());
    if (Status status = api().execute(loaded_->id, loaded_->context,
                                      static_cast<unsigned>(choice_.group), loaded_->io);
        status != 0)
      return card_error(fmt::format("running on the card on PCI bus {}", loaded_->card->bus()),
                        status);
    views_.clear();
    results_.resize(io_.session.outputs.size());
    for (std::size_t i = 0; i < results_.size(); ++i) {
      OutputView view{io_.groups[choice_.group].outputs[i].shape, {}};
      const std::size_t bytes = io_.groups[choice_.group].outputs[i].bytes * choice_.batch;
      if (io_.session.batchable) view.shape.front() *= static_cast<std::int64_t>(choice_.batch);
      results_[i].resize(bytes);
      if (Status status =
              api().memcpy(results_[i].data(), outputs_[i].data(), bytes, kDeviceToHost);
          status != 0)
        return card_error(
            fmt::format("fetching output '{}' from the card", io_.session.outputs[i].name), status);
      view.bytes = results_[i];
      views_.push_back(std::move(view));
    }
    return {};
  }

  Result<OutputView> output(std::size_t index) override {
    if (index >= io_.session.outputs.size()) return no_such_output(io_.session, index);
    if (views_.empty()) return shapes_missing(io_.session);
    return views_[index];
  }

  ~AxmodelSession() override {
    // Buffers go back before the model does; without its context on this thread, nothing can.
    if (!bind()) return;
    inputs_.clear();
    outputs_.clear();
  }

 private:
  const Api& api() const { return loaded_->card->api(); }

  /// Sessions may be used by one thread after another: each must have the card's context.
  Result<> bind() const { return loaded_->card->bind_thread(); }

  /// Buffers that hold every tensor of the choice. Larger ones of before are kept.
  Result<> give_buffers(const GroupChoice& choice) {
    auto give = [&](std::vector<CardMemory>& buffers, const std::vector<std::size_t>& largest,
                    auto set, const char* what) -> Result<> {
      buffers.resize(largest.size());
      for (std::size_t i = 0; i < largest.size(); ++i) {
        const std::size_t needed = largest[i] * choice.batch;
        if (buffers[i].bytes() >= needed) continue;
        ANYNPU_TRY(memory, CardMemory::allocate(*loaded_->card, needed));
        if (Status status = set(loaded_->io, static_cast<unsigned>(i), memory.data(), needed);
            status != 0)
          return card_error(fmt::format("giving {} {} its buffer", what, i), status);
        buffers[i] = std::move(memory);
      }
      return {};
    };
    ANYNPU_CHECK(give(inputs_, io_.largest_inputs, api().set_input_buffer, "input"));
    return give(outputs_, io_.largest_outputs, api().set_output_buffer, "output");
  }

  std::unique_ptr<Loaded> loaded_;
  ModelIo io_;
  std::vector<CardMemory> inputs_, outputs_;
  std::vector<Shape> shapes_;
  GroupChoice choice_;
  bool chosen_ = false;
  std::vector<std::vector<std::byte>> results_;
  std::vector<OutputView> views_;
};

/// Whether the model fits, before it is given to the card. Returns a note when that cannot be
/// known.
Result<std::string> check_memory(const CardSource& source, const Result<CardFacts>& facts,
                                 const std::string& artifact) {
  if (source.api.get_usage == nullptr) return "this SDK does not tell what a model needs";
  std::int64_t system = 0, cmm = 0;
  if (Status status = source.api.get_usage(artifact.c_str(), &system, &cmm); status != 0)
    return card_error("asking what the model needs of the card's memory", status);
  if (!facts) return facts.error().message;
  ANYNPU_CHECK(
      check_card_memory(*facts, static_cast<std::uint64_t>(std::max<std::int64_t>(cmm, 0))));
  return std::string();
}

Result<std::shared_ptr<Card>> open_card(const CardSource& source, int bus) {
  if (auto known = source.card.lock()) return known;
  ANYNPU_TRY(card, Card::open(source.api, bus));
  std::shared_ptr<Card> shared = std::move(card);
  source.card = shared;
  return shared;
}

std::string join_notes(const std::vector<std::string>& notes) {
  std::vector<std::string> said;
  for (const std::string& note : notes)
    if (!note.empty()) said.push_back(note);
  return join(said, "; ");
}

Result<std::unique_ptr<Session>> load(const CardSource& source, const std::filesystem::path& path,
                                      const LoadOptions& options) {
  const std::string artifact = std::filesystem::absolute(path).string();
  // Before this process opens the card: the question resets the device that it asks.
  Result<CardFacts> facts = Error{Code::kUnsupported, "the card's free memory is not known"};
  if (source.api.get_device_properties != nullptr && source.api.get_usage != nullptr)
    facts = card_facts(source.library, options.device_index);
  if (!facts && facts.error().code != Code::kUnsupported) return facts.error();
  ANYNPU_TRY(card, open_card(source, options.device_index));
  ANYNPU_CHECK(card->bind_thread());
  ANYNPU_TRY(memory_note, check_memory(source, facts, artifact));

  const Api& api = source.api;
  auto loaded = std::make_unique<Loaded>();
  loaded->card = card;
  if (Status status = api.load_from_file(artifact.c_str(), &loaded->id); status != 0)
    return card_error("loading it on the card", status);
  loaded->on_card = true;
  if (Status status = api.create_model_context(loaded->id, &loaded->context); status != 0)
    return card_error("making a context of the model", status);
  if (Status status = api.get_io_info(loaded->id, &loaded->info); status != 0)
    return card_error("asking for the model's tensors", status);
  ANYNPU_TRY(io, describe_io(api, loaded->info));
  if (Status status = api.create_io(loaded->info, &loaded->io); status != 0)
    return card_error("making a set of buffers", status);
  io.session.batchable = takes_batches(api, loaded->io, io);
  const char* compiler =
      api.compiler_version != nullptr ? api.compiler_version(loaded->id) : nullptr;
  io.session.note =
      join_notes({compiler != nullptr ? "compiled by Pulsar2 " + printable(compiler, 40) : "",
                  card->note(), memory_note});
  auto session = std::make_unique<AxmodelSession>(std::move(loaded), std::move(io));
  std::vector<Shape> shapes;
  for (const TensorInfo& input : session->info().inputs) shapes.push_back(input.shape);
  if (std::none_of(shapes.begin(), shapes.end(), is_dynamic))
    ANYNPU_CHECK(session->set_input_shapes(shapes));
  return std::unique_ptr<Session>(std::move(session));
}

}  // namespace

Result<std::unique_ptr<Session>> load_session(const CardSource& source,
                                              const std::filesystem::path& artifact,
                                              const LoadOptions& options) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(artifact, error))
    return Error{Code::kNotFound, artifact.string() + ": there is no such file"};
  auto session = load(source, artifact, options);
  if (!session) return std::move(session).error().within(artifact.filename().string());
  return session;
}

}  // namespace anynpu::engine::axcl
