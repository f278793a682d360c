"""Text-to-image and text-to-video: joules an image or video on data centre GPUs."""
