package page

import (
	"iter"
	"math"
	"slices"
)

// point is a place in the drawing.
type point struct{ x, y float64 }

func (p point) minus(q point) point        { return point{p.x - q.x, p.y - q.y} }
func (p point) plus(q point) point         { return point{p.x + q.x, p.y + q.y} }
func (p point) times(factor float64) point { return point{p.x * factor, p.y * factor} }
func (p point) length() float64            { return math.Hypot(p.x, p.y) }
func (p point) axis(vertical bool) (v float64) {
	if vertical {
		return p.y
	}
	return p.x
}

// graph is neighbours by node.
type graph [][]int32

func newGraph(nodes int, links [][2]int32) graph {
	g := make(graph, nodes)
	for _, l := range links {
		g[l[0]] = append(g[l[0]], l[1])
		g[l[1]] = append(g[l[1]], l[0])
	}
	return g
}

// pivots is how many nodes the first placement measures distances from.
const pivots = 24

// place lays out a graph so that distances in the drawing follow those in
// links: pivot MDS (Brandes and Pich, "Eigensolver methods for progressive
// multidimensional scaling of large data", 2006). It takes time proportional to
// the links, and equal graphs get equal layouts.
func (g graph) place() []point {
	n := len(g)
	if n == 0 {
		return nil
	}
	columns := g.distances(min(pivots, n))
	center(columns, n)
	k := len(columns)
	// The k x k matrix of the products of columns has the axes as eigenvectors.
	products := make([][]float64, k)
	for i := range products {
		products[i] = make([]float64, k)
		for j := range products[i] {
			products[i][j] = dot(columns[i], columns[j])
		}
	}
	first := dominant(products, nil)
	second := dominant(products, first)
	points := make([]point, n)
	for i := range points {
		for j, column := range columns {
			points[i].x += column[i] * first[j]
			points[i].y += column[i] * second[j]
		}
	}
	spread(points)
	return points
}

// distances returns the distances in links of all nodes from k pivots, each as
// far as can be from those before it.
func (g graph) distances(k int) [][]float64 {
	n := len(g)
	nearest := make([]float64, n)
	for i := range nearest {
		nearest[i] = math.Inf(1)
	}
	var columns [][]float64
	pivot := 0
	for range k {
		column := g.distancesFrom(pivot)
		columns = append(columns, column)
		for i, d := range column {
			nearest[i] = min(nearest[i], d)
		}
		for i := range nearest {
			if nearest[i] > nearest[pivot] {
				pivot = i
			}
		}
	}
	return columns
}

// distancesFrom counts links by breadth-first search; what cannot be reached is
// a little farther than all that can.
func (g graph) distancesFrom(from int) []float64 {
	d := make([]float64, len(g))
	for i := range d {
		d[i] = -1
	}
	d[from] = 0
	queue := []int32{int32(from)}
	farthest := 0.0
	for len(queue) > 0 {
		a := queue[0]
		queue = queue[1:]
		farthest = d[a]
		for _, b := range g[a] {
			if d[b] < 0 {
				d[b] = d[a] + 1
				queue = append(queue, b)
			}
		}
	}
	for i := range d {
		if d[i] < 0 {
			d[i] = farthest + 2
		}
	}
	return d
}

// center squares the distances, and takes the means of rows and columns away.
func center(columns [][]float64, n int) {
	k := float64(len(columns))
	rows := make([]float64, n)
	all := 0.0
	means := make([]float64, len(columns))
	for j, column := range columns {
		for i := range column {
			column[i] *= column[i]
			rows[i] += column[i] / k
			means[j] += column[i] / float64(n)
		}
		all += means[j] / k
	}
	for j, column := range columns {
		for i := range column {
			column[i] = -(column[i] - rows[i] - means[j] + all) / 2
		}
	}
}

// dominant returns the eigenvector of the largest eigenvalue of a symmetric
// matrix, of those at right angles to another one unless that is nil.
func dominant(m [][]float64, other []float64) []float64 {
	v := make([]float64, len(m))
	for i := range v {
		v[i] = 1 + float64(i%7)/7 // any start that has a part of every axis
	}
	for range 100 {
		if other != nil {
			along := dot(v, other)
			for i := range v {
				v[i] -= along * other[i]
			}
		}
		length := math.Sqrt(dot(v, v))
		if length < 1e-12 {
			return v // all points lie on the axis that there is
		}
		for i := range v {
			v[i] /= length
		}
		next := make([]float64, len(m))
		for i := range next {
			next[i] = dot(m[i], v)
		}
		if dot(next, next) < 1e-24 {
			return v
		}
		v = next
	}
	length := math.Sqrt(dot(v, v))
	for i := range v {
		v[i] /= length
	}
	return v
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

// bounds returns the corners of the box around points.
func bounds(points iter.Seq[point]) (low, high point) {
	first := true
	for p := range points {
		if first {
			low, high, first = p, p, false
		}
		low = point{min(low.x, p.x), min(low.y, p.y)}
		high = point{max(high.x, p.x), max(high.y, p.y)}
	}
	return low, high
}

// spread scales a layout so that a point has about the area 1, and moves points
// that lie on each other apart, on a spiral.
func spread(points []point) {
	low, high := bounds(slices.Values(points))
	side := math.Sqrt(float64(len(points)))
	scale := side / max(high.x-low.x, high.y-low.y, 1e-9)
	const golden = 2.399963229728653
	for i, p := range points {
		angle := golden * float64(i)
		aside := point{math.Cos(angle), math.Sin(angle)}.times(0.3 * math.Sqrt(float64(i+1)/float64(len(points))))
		points[i] = p.minus(low).times(scale).plus(aside)
	}
}

// refine moves the points of a small graph as springs and charges do
// (Fruchterman and Reingold, 1991), in so many steps, ever less.
func (g graph) refine(points []point, steps int) {
	move := make([]point, len(points))
	for step := range steps {
		for i := range move {
			move[i] = point{}
		}
		for i, p := range points {
			for j := i + 1; j < len(points); j++ {
				apart := p.minus(points[j])
				square := apart.x*apart.x + apart.y*apart.y + 1e-4
				push := apart.times(min(1/square, 100))
				move[i], move[j] = move[i].plus(push), move[j].minus(push)
			}
		}
		for i, neighbours := range g {
			for _, j := range neighbours {
				apart := points[j].minus(points[i])
				move[i] = move[i].plus(apart.times(apart.length()))
			}
		}
		most := 0.5 * (1 - float64(step)/float64(steps))
		for i := range points {
			if length := move[i].length(); length > 0 {
				points[i] = points[i].plus(move[i].times(min(length, most) / length))
			}
		}
	}
}

// fit scales a layout into a square, and rounds it.
func fit(points []point, side float64) [][2]int {
	low, high := bounds(slices.Values(points))
	extent := max(high.x-low.x, high.y-low.y, 1e-9)
	middle := low.plus(high).times(0.5)
	fitted := make([][2]int, len(points))
	for i, p := range points {
		q := p.minus(middle).times(side / extent)
		fitted[i] = [2]int{int(math.Round(q.x + side/2)), int(math.Round(q.y + side/2))}
	}
	return fitted
}
