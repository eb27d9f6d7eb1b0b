"""The codec contract, the codecs, and the parts they are made of."""
