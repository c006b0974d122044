// SPDX-License-Identifier: Apache-2.0
// Messages of Frigate, good and bad.
#include "server/frigate/messages.h"

#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anynpu::server::frigate {
namespace {

using testing::HasSubstr;

const std::string kHead = R"({"shape":[1,2,3,3],"dtype":"uint8","model_type":"ssd"})";

TEST(FrigateMessages, TensorsInEveryLayout) {
  std::string packed;
  for (char i = 0; i < 18; ++i) packed += i;
  auto request = parse_request({kHead, packed});
  ASSERT_TRUE(request);
  EXPECT_EQ(request->kind, Request::Kind::kTensor);
  auto image = image_of(*request, packed);
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(image->width, 3);
  EXPECT_EQ(image->height, 2);
  EXPECT_EQ(image->rgb[7], 7);

  Request planar{.shape = {1, 3, 2, 2}, .dtype = "uint8"};
  auto other = image_of(planar, packed.substr(0, 12));
  ASSERT_TRUE(other);
  EXPECT_EQ(other->rgb, (vision::Pixels{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11}));

  Request real{.shape = {1, 1, 1, 3}, .dtype = "float32"};
  const float values[3] = {0.0F, 0.5F, 7.0F};
  auto third = image_of(real, std::string(reinterpret_cast<const char*>(values), sizeof values));
  ASSERT_TRUE(third);
  EXPECT_EQ(third->rgb, (vision::Pixels{0, 128, 255}));
}

TEST(FrigateMessages, ModelMessages) {
  auto asked = parse_request({R"({"model_request":true,"model_name":"yolo.onnx"})"});
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->kind, Request::Kind::kModelRequest);
  EXPECT_EQ(asked->model_name, "yolo.onnx");
  EXPECT_EQ(parse_request({R"({"model_data":true})", "bytes"})->kind, Request::Kind::kModelData);
}

TEST(FrigateMessages, BadOnes) {
  for (const std::vector<std::string>& frames : std::vector<std::vector<std::string>>{
           {},
           {"a", "b", "c"},
           {"no json", "x"},
           {"[1]", "x"},
           {"{}", "x"},
           {kHead},
           {R"({"shape":"1,2","dtype":"uint8"})", "x"},
           {R"({"shape":[1.5],"dtype":"uint8"})", "x"},
           {R"({"shape":[1,1,1,1,1,1,1,1,1],"dtype":"uint8"})", "x"},
           {std::string(1 << 20, '['), "x"},
           {R"({"shape":[[[[[[[[[[1]]]]]]]]]],"dtype":"uint8"})", "x"}})
    EXPECT_FALSE(parse_request(frames)) << (frames.empty() ? "" : frames[0].substr(0, 60));
  for (const std::vector<std::int64_t>& shape :
       std::vector<std::vector<std::int64_t>>{{},
                                              {1, 2, 3},
                                              {2, 2, 2, 3},
                                              {1, 0, 2, 3},
                                              {1, -1, 2, 3},
                                              {1, 99999, 99999, 3},
                                              {1, 2, 2, 4},
                                              {1, 2, 2, 3}})
    EXPECT_FALSE(image_of({.shape = shape, .dtype = "uint8"}, "12345"));
  auto type = image_of({.shape = {1, 1, 1, 3}, .dtype = "int16"}, "123456");
  ASSERT_FALSE(type);
  EXPECT_THAT(type.error().hint, HasSubstr("input_dtype"));
}

TEST(FrigateMessages, TwentyRows) {
  std::vector<vision::Prediction> found;
  for (int i = 0; i < 25; ++i) {
    vision::Prediction prediction;
    prediction.class_id = i;
    prediction.score = 0.5F + static_cast<float>(i) / 100;
    prediction.box_normalized = {0.1F, 0.2F, 0.3F, 0.4F};
    found.push_back(prediction);
  }
  std::string tensor = detections_tensor(found);
  ASSERT_EQ(tensor.size(), 480U);
  float rows[20][6];
  std::memcpy(rows, tensor.data(), sizeof rows);
  EXPECT_FLOAT_EQ(rows[0][0], 24);
  EXPECT_FLOAT_EQ(rows[0][2], 0.2F) << "y_min comes first";
  EXPECT_FLOAT_EQ(rows[0][3], 0.1F);
  EXPECT_FLOAT_EQ(rows[19][0], 5);
  EXPECT_EQ(detections_tensor({}), std::string(480, '\0'));
}

}  // namespace
}  // namespace anynpu::server::frigate
