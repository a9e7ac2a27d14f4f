"""What the report says, section by section, as plain text and numbers; how it looks is the renderers' business."""
