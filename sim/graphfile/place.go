package graphfile

import "math"

// Place is a point on earth, in degrees.
type Place struct{ Latitude, Longitude float64 }

const earthRadius = 6371 // km, the mean

// Distance returns that of the great circle, in km, on a sphere.
func (p Place) Distance(q Place) float64 {
	lat1, lat2 := radians(p.Latitude), radians(q.Latitude)
	dLat, dLon := lat2-lat1, radians(q.Longitude-p.Longitude)
	// The haversine formula, which is exact for short distances too.
	h := square(math.Sin(dLat/2)) + math.Cos(lat1)*math.Cos(lat2)*square(math.Sin(dLon/2))
	return 2 * earthRadius * math.Asin(math.Sqrt(min(1, h)))
}

func radians(degrees float64) float64 { return degrees * math.Pi / 180 }

func square(v float64) float64 { return v * v }
