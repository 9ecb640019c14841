"""A job over many images: plan, runner, outputs, manifest."""
