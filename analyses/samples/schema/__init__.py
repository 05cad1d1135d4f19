"""Schemas of samples: trees and branches with the names of the ATLAS Open Data."""
