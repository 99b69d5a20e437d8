"""What the poster reports, in its own words and units."""

# "Human Pose Estimation using Convolutional Neural Networks", its final training and validation
# loss. The poster names neither label treatment nor unit; we read squared pixels of the 96 x 96
# frame per coordinate.
PUBLISHED_MSE = {"training": 139.29, "validation": 427.41}
