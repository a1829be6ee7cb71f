"""Attribution: what of an image an answer hangs on, by gradients, by occlusion and by removal."""
