"""K-means code books trained with the weights (Gordon et al., quantisation-aware)."""

from typing import ClassVar

from searchinr.codecs.quantize.kmeans import KMeans


class KMeansInTraining(KMeans):
    """Code books that learn with the weights that choose from them."""

    name: ClassVar[str] = "kmeans-qat"
    id: ClassVar[int] = 9
    learns: ClassVar[bool] = True


QUANTIZER = KMeansInTraining
