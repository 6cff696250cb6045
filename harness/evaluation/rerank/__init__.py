"""k-reciprocal re-ranking (Zhong et al., CVPR 2017), sparse, as each library computes it."""
