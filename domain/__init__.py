"""The pure core: values and behaviour, without any technology."""
