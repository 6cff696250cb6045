"""From a trained method to evidence: `extract` embeds images, `ranks` compares features."""
