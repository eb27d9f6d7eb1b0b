"""The networks (backbones), one file each, all batched over signals."""
