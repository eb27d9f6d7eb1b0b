"""K-means code books that are trained together with the weights (Gordon et al., quantisation-aware)."""

from typing import ClassVar

from searchinr.codecs.quantize.kmeans import KMeans


class KMeansInTraining(KMeans):
    """Code books that learn together with the weights that their entries replace."""

    name: ClassVar[str] = "kmeans-qat"
    id: ClassVar[int] = 9
    learns: ClassVar[bool] = True


QUANTIZER = KMeansInTraining
